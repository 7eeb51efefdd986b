// What a reader has collected, in the browser's own storage: nothing leaves the device.

const NAME = "course-teach";
const REFUSED =
  "This browser keeps nothing for this page: its storage is full, or the window is a private one. " +
  "The pictures are gone when the page is closed.";

let opened;

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME);
    request.onupgradeneeded = () => request.result.createObjectStore(NAME);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error(REFUSED));
  });
}

async function act(mode, what) {
  opened ??= open();
  const transaction = (await opened).transaction(NAME, mode);
  const request = what(transaction.objectStore(NAME));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result);
    transaction.onabort = () => reject(new Error(REFUSED));
  });
}

export const keep = (key, value) => act("readwrite", (store) => store.put(value, key));
export const drop = (key) => act("readwrite", (store) => store.delete(key));
export const clear = () => act("readwrite", (store) => store.clear());
export const readAll = () => act("readonly", (store) => store.getAll()); // in the order of their keys
