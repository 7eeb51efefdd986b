// Files that the explorers load. Works in the page and in the worker.

const FOLDER = new URL("./assets/", import.meta.url);
const CACHE = "course-network";

/** Return the address of a file of the explorers. */
export function addressOf(path) {
  return new URL(path, FOLDER).href;
}

const kept = new Map();

/** Load a file once: `read` gets its bytes. A failure is not kept, so that one can try again. */
function once(path, read) {
  if (!kept.has(path)) {
    const loading = open(path).then((response) => readAll(response)).then(unpack).then(read);
    loading.catch(() => kept.delete(path));
    kept.set(path, loading);
  }
  return kept.get(path);
}

export const loadJson = (path) =>
  once(path, (bytes) => JSON.parse(new TextDecoder().decode(bytes)));
export const loadBuffer = (path) => once(path, (bytes) => bytes.buffer);

async function open(path) {
  let response;
  try {
    response = await fetch(addressOf(path));
  } catch {
    throw new Error("The connection failed. Is there a network? Then try again.");
  }
  if (!response.ok) throw new Error(`The file ${path} is missing (${response.status}).`);
  return response;
}

async function readAll(response, report = () => {}) {
  let size = 0;
  const transform = (part, stream) => {
    size += part.length;
    report(size);
    stream.enqueue(part);
  };
  try {
    const counted = response.body.pipeThrough(new TransformStream({ transform }));
    return new Uint8Array(await new Response(counted).arrayBuffer());
  } catch {
    throw new Error("The connection broke off in the middle. Try again.");
  }
}

/** Unpack gzip, unless the browser has done so on the way. */
async function unpack(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * Load large files; the browser keeps them for the next visit.
 *
 * @param {{path: string, bytes: number}[]} files A path has a hash: other contents, another path.
 * @param {{path: string}[]} kept What else this release may have in the browser.
 * @param {(loaded: number) => void} report Called with how many bytes are there.
 * @returns {Promise<Uint8Array[]>} Unpacked.
 */
export async function loadKept(files, kept, report) {
  const cache = await openCache();
  const loaded = files.map(() => 0);
  // All are waited for: what has come whole is kept, and a second try loads only the rest.
  const results = await Promise.allSettled(
    files.map(async ({ path, bytes }, number) => {
      const address = addressOf(path);
      const old = await cache?.match(address);
      const response = old ?? (await open(path));
      const content = await readAll(response, (size) => {
        loaded[number] = Math.min(size, bytes);
        report(loaded.reduce((sum, part) => sum + part, 0));
      });
      const packed = content[0] === 0x1f && content[1] === 0x8b;
      if (content.length < bytes || (packed && content.length !== bytes)) {
        await cache?.delete(address);
        throw new Error("The connection broke off in the middle. Try again.");
      }
      // A full disk or a private window must not stop what works without it.
      if (!old) await cache?.put(address, new Response(content)).catch(() => {});
      return unpack(content);
    }),
  );
  const failed = results.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
  await forgetOthers(cache, kept);
  return results.map(({ value }) => value);
}

async function openCache() {
  try {
    return await caches.open(CACHE);
  } catch {
    return null; // not on an insecure address, nor in some private windows
  }
}

/** Remove what another release of the course has left behind. */
async function forgetOthers(cache, files) {
  if (!cache) return;
  const wanted = new Set(files.map(({ path }) => addressOf(path)));
  const requests = await cache.keys();
  const old = requests.filter(({ url }) => !wanted.has(url));
  await Promise.all(old.map((request) => cache.delete(request)));
}
