// The furnace: a small network learns the two rings in this page, in plain JavaScript.
//
// Part 1 is the lesson. Its functions are pure: they change nothing, and what they return depends
// on their arguments alone. Part 2 draws, part 3 listens to the reader.

// ---- 1 The lesson ------------------------------------------------------------------------------
const RADII = { 1: 5, 0: 8 }; // label 1 is the inner ring, label 0 the outer one
const BOUNDARY = (RADII[1] + RADII[0]) / 2; // the best rule says "inner" below this radius

// A generator of random numbers from 0 to 1 with a seed of its own (mulberry32 by T. Ettinger).
function uniformFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

// One number with the standard normal distribution (Box and Muller), or, for the noise
// "truncated", the first that lies within two standard deviations.
function drawNoise(noise, uniform) {
  for (;;) {
    const value = Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    if (noise === "normal" || Math.abs(value) <= 2) return value;
  }
}

// Ingredients: points [x, y] and labels; the thickness of a ring is its standard deviation.
function makeRings({ noise, points, thickness }, seed) {
  const uniform = uniformFrom(seed);
  const labels = Array.from({ length: points }, (_, i) => i % 2);
  const drawn = labels.map((label) => {
    const radius = RADII[label] + thickness * drawNoise(noise, uniform);
    const angle = 2 * Math.PI * uniform();
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  return { points: drawn, labels };
}

// Φ, the standard normal distribution function, by Simpson's rule.
function normalCdf(z) {
  const n = 400, h = z / n, bell = (t) => Math.exp(-t * t / 2) / Math.sqrt(2 * Math.PI);
  let sum = bell(0) + bell(z);
  for (let i = 1; i < n; i++) sum += (i % 2 ? 4 : 2) * bell(i * h);
  return 0.5 + sum * h / 3;
}

// The best accuracy that any model can reach: noise is harmless below half the gap of the rings.
function ceilingOf({ noise, thickness }) {
  const d = (RADII[0] - RADII[1]) / 2 / thickness;
  if (noise === "normal") return normalCdf(d);
  return d >= 2 ? 1 : (normalCdf(d) - normalCdf(-2)) / (normalCdf(2) - normalCdf(-2));
}

// Furnace: all parameters stand in one array; for each layer its kernel, row by row (a row for
// each input), then its biases. They start uniform within one over the root of the inputs.
function firstWeights(sizes, seed) {
  const uniform = uniformFrom(seed), weights = [];
  sizes.slice(1).forEach((outputs, i) => {
    const drawn = () => (2 * uniform() - 1) / Math.sqrt(sizes[i]);
    weights.push(...Array.from({ length: (sizes[i] + 1) * outputs }, drawn));
  });
  return Float64Array.from(weights);
}

// The forward pass of one point: what leaves each layer. The last layer gives one logit; the
// others pass through relu.
function forward(sizes, weights, point) {
  const outputs = [point];
  let at = 0;
  for (let layer = 1; layer < sizes.length; layer++) {
    const inputs = outputs[layer - 1], n = sizes[layer], next = new Array(n);
    for (let j = 0; j < n; j++) {
      let sum = weights[at + inputs.length * n + j]; // the bias
      for (let i = 0; i < inputs.length; i++) sum += inputs[i] * weights[at + i * n + j];
      next[j] = layer < sizes.length - 1 ? Math.max(sum, 0) : sum;
    }
    at += (inputs.length + 1) * n;
    outputs.push(next);
  }
  return outputs;
}

const sigmoid = (logit) => 1 / (1 + Math.exp(-logit));

// The objective, from a logit and a label, and its slope with respect to the logit. The
// cross-entropy log(1 + exp(z)) - label · z is written so that it cannot overflow.
const LOSSES = {
  crossentropy: {
    of: (z, label) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z))) - label * z,
    slope: (z, label) => sigmoid(z) - label,
  },
  squared: {
    of: (z, label) => (sigmoid(z) - label) ** 2,
    slope: (z, label) => 2 * (sigmoid(z) - label) * sigmoid(z) * (1 - sigmoid(z)),
  },
};

// The gradient of the mean loss over some rows, by the chain rule from the last layer to the first.
function gradient(sizes, weights, data, rows, loss) {
  const total = new Float64Array(weights.length), { slope } = LOSSES[loss];
  for (const row of rows) {
    const outputs = forward(sizes, weights, data.points[row]), logit = outputs.at(-1)[0];
    let slopes = [slope(logit, data.labels[row]) / rows.length], at = weights.length;
    for (let layer = sizes.length - 1; layer > 0; layer--) {
      const inputs = outputs[layer - 1], n = sizes[layer], before = new Array(inputs.length).fill(0);
      at -= (inputs.length + 1) * n;
      for (let j = 0; j < n; j++) {
        total[at + inputs.length * n + j] += slopes[j];
        for (let i = 0; i < inputs.length; i++) {
          total[at + i * n + j] += inputs[i] * slopes[j];
          if (inputs[i] > 0) before[i] += weights[at + i * n + j] * slopes[j]; // through relu
        }
      }
      slopes = before;
    }
  }
  return total;
}

// Fire: Adam (Kingma and Ba 2015, Algorithm 1). `run` holds weights, the running means m and v of
// the gradient and of its square, and the count of steps; a new one is returned.
const ADAM = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

function step(run, data, rows, { sizes, loss, rate }, { beta1, beta2, epsilon } = ADAM) {
  const g = gradient(sizes, run.weights, data, rows, loss), steps = run.steps + 1;
  const m = run.m.map((old, i) => beta1 * old + (1 - beta1) * g[i]);
  const v = run.v.map((old, i) => beta2 * old + (1 - beta2) * g[i] * g[i]);
  const root = Math.sqrt(1 - beta2 ** steps), scale = rate / (1 - beta1 ** steps);
  const move = (w, i) => w - scale * m[i] / (Math.sqrt(v[i]) / root + epsilon);
  return { weights: run.weights.map(move), m, v, steps };
}

const begin = (weights) => ({ weights, m: weights.map(() => 0), v: weights.map(() => 0), steps: 0 });

// Mean loss and accuracy over all rows: class 1 where the logit is above 0.
function evaluate(sizes, weights, data, loss) {
  const { of } = LOSSES[loss];
  let sum = 0, right = 0;
  data.points.forEach((point, row) => {
    const logit = forward(sizes, weights, point).at(-1)[0];
    sum += of(logit, data.labels[row]);
    right += (logit > 0) === (data.labels[row] === 1);
  });
  return { loss: sum / data.points.length, accuracy: right / data.points.length };
}

// A new order of n rows (Fisher and Yates), cut into batches; the last one may be smaller.
function batches(n, size, seed) {
  const uniform = uniformFrom(seed), rows = [...Array(n).keys()], cut = [];
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniform() * (i + 1));
    [rows[i], rows[j]] = [rows[j], rows[i]];
  }
  for (let i = 0; i < n; i += size) cut.push(rows.slice(i, i + size));
  return cut;
}

// ---- 2 Pictures --------------------------------------------------------------------------------
const REACH = 12, SIDE = 61; // the maps show x and y from -12 to 12, on 61 by 61 places
const BLUE = [0, 114, 178], ORANGE = [230, 159, 0];
const place = (i) => -REACH + 2 * REACH * i / (SIDE - 1);
const GRID = [...Array(SIDE * SIDE).keys()].map((i) => [place(i % SIDE), -place(i / SIDE | 0)]);

// Paint values from -1 (orange) over 0 (white) to 1 (blue) into a canvas, one a place of the grid.
function paint(canvas, values) {
  const small = new OffscreenCanvas(SIDE, SIDE), image = new ImageData(SIDE, SIDE);
  values.forEach((value, i) => {
    const color = value > 0 ? BLUE : ORANGE, part = Math.min(Math.abs(value), 1) * 0.55;
    color.forEach((c, k) => { image.data[4 * i + k] = 255 + (c - 255) * part; });
    image.data[4 * i + 3] = 255;
  });
  small.getContext("2d").putImageData(image, 0, 0);
  canvas.getContext("2d").drawImage(small, 0, 0, canvas.width, canvas.height);
}

function stroke(pen, color, width, path) {
  [pen.strokeStyle, pen.lineWidth] = [color, width];
  pen.beginPath();
  path();
  pen.stroke();
}

// The line where values on the grid cross zero: in each square of four, from side to side.
function zeroLine(pen, values, scale) {
  for (let y = 0; y < SIDE - 1; y++) for (let x = 0; x < SIDE - 1; x++) {
    const corners = [[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]], cuts = [];
    corners.forEach((a, k) => {
      const b = corners[(k + 1) % 4];
      const [va, vb] = [a, b].map(([i, j]) => values[j * SIDE + i]);
      if (va > 0 !== vb > 0) cuts.push(a.map((c, d) => (c + (b[d] - c) * va / (va - vb)) * scale));
    });
    while (cuts.length) [pen.moveTo(...cuts.pop()), pen.lineTo(...cuts.pop())];
  }
}

function drawPlane(canvas, data, sizes, weights, outputs, lit) {
  const pen = canvas.getContext("2d"), unit = canvas.width / 2 / REACH;
  const at = ([x, y]) => [canvas.width / 2 + x * unit, canvas.height / 2 - y * unit];
  const logits = outputs.map((each) => each.at(-1)[0]);
  paint(canvas, logits.map((logit) => 2 * sigmoid(logit) - 1));
  data.points.slice(0, 1000).forEach((point, i) => {
    pen.fillStyle = `rgb(${data.labels[i] ? BLUE : ORANGE})`;
    pen.fillRect(...at(point).map((c) => c - 2), 4, 4);
  });
  for (let j = 0; j < sizes[1]; j++) { // where the sum of a unit of the first layer is 0
    const [a, b, c] = [0, 1, 2].map((i) => weights[i * sizes[1] + j]), norm = Math.hypot(a, b);
    const far = (sign) => [-a * c / norm - sign * b * 30, -b * c / norm + sign * a * 30];
    const ends = [1, -1].map((sign) => at(far(sign).map((each) => each / norm)));
    const look = lit === `1-${j}` ? ["#d55e00", 7] : ["#666", 1.5];
    stroke(pen, ...look, () => ends.forEach((end) => pen.lineTo(...end)));
  }
  stroke(pen, "black", 4, () => zeroLine(pen, logits, canvas.width / (SIDE - 1)));
  pen.setLineDash([10, 7]);
  const circle = [canvas.width / 2, canvas.height / 2, BOUNDARY * unit, 0, 2 * Math.PI];
  stroke(pen, "black", 2, () => pen.arc(...circle));
  pen.setLineDash([]);
}

function drawLosses(canvas, history) {
  const pen = canvas.getContext("2d"), { width, height } = canvas;
  const most = Math.max(...history.flatMap((row) => [row.loss, row.validLoss]), 0.1);
  pen.clearRect(0, 0, width, height);
  for (const [name, color, wide] of [["loss", BLUE, 6], ["validLoss", ORANGE, 3]]) {
    const at = (row, i) => [i / Math.max(history.length - 1, 50) * width, height - row[name] / most * (height - 8)];
    stroke(pen, `rgb(${color})`, wide, () => history.forEach((row, i) => pen.lineTo(...at(row, i))));
  }
  pen.font = "22px sans-serif";
  pen.fillText(most.toFixed(2), 10, 26);
}

// ---- 3 The page --------------------------------------------------------------------------------
const EPOCHS = 50, EPOCHS_A_SECOND = 20; // Play goes on to the next 50th epoch, at this pace
const find = (name) => document.getElementById(`furnace-${name}`);
const form = find("form"), still = matchMedia("(prefers-reduced-motion: reduce)");
let setting, data, valid, fresh, run, history, waiting, playing = false, lit = "", before = 0;

// The page's sentences and code stand in its HTML; <name> there is a place for a value.
const filled = (text, values) => text.replace(/<(\w+)>/g, (_, name) => values[name]);

// Put values into the form; what it does not allow leaves the usual value, with a word.
function fill(given) {
  find("words").textContent = "";
  for (const control of [...form.elements].filter((each) => given.has(each.name))) {
    const usual = control.value, wanted = given.get(control.name);
    control.value = wanted;
    if (control.value !== "" && control.checkValidity()) continue;
    control.value = usual;
    find("words").append(filled(form.dataset.refused, { name: control.name, wanted, usual }));
  }
}

function reset() {
  setting = Object.fromEntries([...new FormData(form)].map(([k, v]) => [k, isNaN(v) ? v : +v]));
  setting.sizes = [2, setting.units1, setting.units2, 1];
  data = makeRings({ ...setting, points: setting.points * 3 / 4 }, setting.seed + 1);
  valid = makeRings({ ...setting, points: setting.points / 4 }, setting.seed + 10000);
  fresh = makeRings({ ...setting, points: 10000 }, setting.seed + 20000);
  run = begin(firstWeights(setting.sizes, setting.seed + 10000));
  [history, waiting, playing] = [[], [], false];
  const maps = [1, 2].flatMap((layer) => [...Array(setting.sizes[layer]).keys()].map((j) => {
    const map = Object.assign(document.createElement("canvas"), { width: 96, height: 96, tabIndex: 0 });
    map.setAttribute("role", "img");
    map.setAttribute("aria-label", filled(find("units").dataset.name, { layer, unit: j + 1 }));
    map.onpointerenter = map.onfocus = () => { lit = `${layer}-${j}`; draw(); };
    map.onpointerleave = map.onblur = () => { lit = ""; draw(); };
    return map;
  }));
  find("units").replaceChildren(...maps);
  for (const part of find("code").querySelectorAll("[data-code]")) {
    part.textContent = filled(part.dataset.code, setting);
  }
  record();
  draw();
}

function record() {
  const at = (part) => evaluate(setting.sizes, run.weights, part, setting.loss);
  history.push({ loss: at(data).loss, validLoss: at(valid).loss, accuracy: at(fresh).accuracy });
}

function draw() {
  const outputs = GRID.map((point) => forward(setting.sizes, run.weights, point));
  drawPlane(find("plane"), data, setting.sizes, run.weights, outputs, lit);
  drawLosses(find("losses"), history);
  [...find("units").children].forEach((map, i) => {
    const [layer, j] = i < setting.units1 ? [1, i] : [2, i - setting.units1];
    const values = outputs.map((each) => each[layer][j]), most = Math.max(...values, 1e-9);
    paint(map, values.map((value) => value / most));
  });
  const { loss, validLoss, accuracy } = history.at(-1), ceiling = ceilingOf(setting);
  const counts = { parameters: run.weights.length, epoch: history.length - 1, steps: run.steps };
  for (const name in counts) find(name).textContent = counts[name];
  const shares = { loss, validLoss, accuracy, ceiling };
  for (const name in shares) find(name).textContent = shares[name].toFixed(4);
  find("play").textContent = find("play").dataset[playing ? "pause" : "play"];
}

function advance() {
  if (!waiting.length) waiting = batches(data.points.length, setting.batch, setting.seed + history.length);
  run = step(run, data, waiting.shift(), setting);
  if (waiting.length) return;
  record();
  playing = playing && (history.length - 1) % EPOCHS > 0;
}

function frame(now) { // at most 25 ms of work, then the page may answer
  const due = (now - before) / 1000 * EPOCHS_A_SECOND * data.points.length / setting.batch;
  const end = performance.now() + 25;
  for (let i = 0; i < due && playing && performance.now() < end; i++) advance();
  before = now;
  if (!playing || !still.matches) draw();
  if (playing) requestAnimationFrame(frame);
}

// Train from the first weights and batches of the pair "the same numbers", which furnace-data.js
// holds, and compare the validation loss after each epoch with that of the NumPy reference.
async function check() {
  const script = document.createElement("script");
  script.src = find("check").dataset.src;
  await new Promise((done) => { script.onload = done; document.head.append(script); });
  const { train, held, weights, order, rate, adam, losses } = window.FURNACE;
  const how = { sizes: [2, 4, 8, 1], loss: "crossentropy", rate };
  let trained = begin(Float64Array.from(weights)), largest = 0;
  for (const [epoch, steps] of order.entries()) {
    for (const rows of steps) trained = step(trained, train, rows, how, adam);
    const loss = evaluate(how.sizes, trained.weights, held, how.loss).loss;
    largest = Math.max(largest, Math.abs(loss - losses[epoch]));
    const verdict = find("checked").dataset[largest < 1e-6 ? "same" : "other"];
    const values = { epoch: epoch + 1, largest: largest.toExponential(1) };
    find("checked").textContent = filled(verdict, values);
    await new Promise(requestAnimationFrame);
  }
}

form.onchange = () => {
  if (!form.reportValidity()) return;
  window.history.replaceState(null, "", `?${new URLSearchParams(new FormData(form))}`);
  reset();
};
[find("reset").onclick, find("check").onclick] = [reset, check];
find("step").onclick = () => { advance(); draw(); };
find("play").onclick = () => {
  [playing, before] = [!playing, performance.now()];
  requestAnimationFrame(frame);
};
fill(new URLSearchParams(location.search));
reset();
