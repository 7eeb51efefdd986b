// What check_explorers.py asks the page's own modules: numbers that the explorers on it show.

import { blindMaps } from "/explorers/covering.js";
import { networkOf } from "/explorers/network.js";
import { askCurves, askHeat, loadIndex, OwnPicture, SamplePicture } from "/explorers/pictures.js";

async function ownPicture(content, networkName) {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  await networkOf(networkName).start();
  const file = new File([bytes], "own");
  const picture = new OwnPicture("own", file, await loadIndex(), networkName);
  await picture.prepare();
  return picture;
}

/** What the network says of a picture: `heatmaps` are [[method, layer's number or null]]. */
export async function see(content, networkName, layers, heatmaps) {
  const picture = await ownPicture(content, networkName);
  const maps = [];
  for (const layer of layers) {
    const { cells, numbers, height, width } = await picture.page(layer, 0);
    const [low, high, mean] = [numbers.low, numbers.high, numbers.mean].map((one) => Array.from(one));
    maps.push({ cells: Array.from(cells), low, high, mean, height, width });
  }
  if (!picture.logits) return { maps };
  const [best] = picture.ranking;
  const heat = [];
  for (const [method, layer] of heatmaps) {
    const { values } = await askHeat(picture, method, layer, best);
    heat.push(Array.from(values));
  }
  const closed = Array.from(picture.heat("grad_cam", picture.layers.length - 1, best).values);
  return { maps, heat, closed, logits: Array.from(picture.logits), probability: picture.probabilities[best] };
}

/** What the files hold of a sample. */
export async function sample(networkName, name, layer, page, index, heatmaps) {
  const picture = new SamplePicture(name, await loadIndex(), networkName);
  const { cells, height, width, numbers } = await picture.page(layer, page);
  const heat = [];
  if (heatmaps.length) await picture.prepareClasses();
  for (const [method, at] of heatmaps) {
    heat.push(Array.from((await picture.heat(method, at, index)).values));
  }
  return { cells: Array.from(cells), height, width, means: Array.from(numbers.mean), heat };
}

/** The curves that the network computes while a map covers a sample: `maps` are [[map, fill]]. */
export async function curves(name, index, maps) {
  const about = await loadIndex();
  await networkOf("efficientnet_lite0").start();
  const picture = new SamplePicture(name, about, "efficientnet_lite0");
  await picture.prepareClasses();
  const random = { values: Float32Array.from(about.covering.random.flat()), height: 7, width: 7 };
  const blind = blindMaps(random);
  const found = [];
  for (const [map, fill] of maps) {
    const layer = about.methods.find(({ key }) => key === map)?.atLayer ? 48 : null;
    const heatmap = blind[map]
      ? blind[map](await picture.seen())
      : await askHeat(picture, map, layer, index);
    const { deletion, insertion } = await askCurves(picture, heatmap, index, fill);
    found.push([Array.from(deletion), Array.from(insertion)]);
  }
  return found;
}
