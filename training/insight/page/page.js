"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const part = (id) => document.getElementById(id);
const made = (kind, content = "") => Object.assign(document.createElement(kind), { textContent: content });
const characters = Array.from(data.text);
const count = characters.length, cells = data.layers * data.units, shades = data.shades.light.length;
const columns = 2 ** Math.ceil(Math.log2(Math.sqrt(2 * data.units)));
const glyphs = { "\n": "⏎", "\t": "⇥", " ": "␣" }, words = { "\n": "line feed", "\t": "tab", " ": "space" };
const RANKS = [0, 1, 2, 3, 4], SURPRISING = 6; // guesses of a character; nats that have the strongest colour
const spans = [], maps = [];
let values, guesses, odds, nats; // by cell and character; by character, five each; by character
let at = 0, cell = data.first, surprise = false;

const glyph = (character) => glyphs[character] ?? character;
const percent = (chance) => (100 * chance).toFixed(chance < 0.0995 ? 1 : 0) + " %";
const signed = (number) => (number < 0 ? "−" : "") + Math.abs(number).toFixed(2);
const name = (which) => `${Math.floor(which / data.units)}:${which % data.units}`;
const value = (which, place) => values[which * count + place] / data.levels; // from -1 to 1
const strength = (place) => (surprise ? Math.min(1, nats[place] / SURPRISING) || 0 : value(cell, place));
const shadeOf = (number) => Math.round(((Math.max(-1, Math.min(1, number)) + 1) / 2) * (shades - 1));
const rgb = (shade) => [1, 3, 5].map((k) => parseInt(shade.slice(k, k + 2), 16));
const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = () => document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
const guess = (place, rank) => ({ character: data.vocabulary[guesses[place * 5 + rank]], odds: odds[place * 5 + rank] / 65535 });

// The numbers: one deflated block of base64. Cells stand one after the other, as steps from character to character.
async function unpack() {
  const packed = Uint8Array.from(atob(data.numbers), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  let place = 0;
  const take = (Type, size) => new Type(buffer.slice(place, (place += size * Type.BYTES_PER_ELEMENT)));
  nats = take(Float32Array, count);
  guesses = take(Uint16Array, count * 5);
  odds = take(Uint16Array, count * 5);
  values = take(Int8Array, cells * count);
  for (let k = 1; k < values.length; k++) if (k % count) values[k] += values[k - 1];
}

// What is written once.

function writeText() {
  let line = made("div");
  characters.forEach((character, place) => {
    const span = made("span", character === "\n" ? glyphs["\n"] : character);
    span.place = place;
    span.ends = character === "\n" ? " end" : "";
    spans.push(span);
    line.append(span);
    if (character === "\n" || place === count - 1) {
      line.className = "line";
      part("text").append(line);
      line = made("div");
    }
  });
}

function writeShades() {
  const rules = (which, scope) => data.shades[which]
    .map((shade, k) => `${scope} .v${k}{background-color:${shade};color:${data.inks[which][k]}}`).join("\n");
  const unless = `@media (prefers-color-scheme: dark){${rules("dark", ':root:not([data-theme="light"])')}}`;
  document.head.append(made("style", [rules("light", ":root"), unless, rules("dark", ':root[data-theme="dark"]')].join("\n")));
}

function writeFound() {
  data.found.forEach((one, number) => {
    const button = made("button", one.says);
    button.append(made("small", ` ${name(one.cell)}, ${one.score}`));
    button.dataset.cell = one.cell;
    button.title = String(number + 1);
    button.addEventListener("click", () => choose(one.cell));
    part("found").append(button);
  });
}

function writeCells() {
  part("cells").style.setProperty("--layers", data.layers);
  for (let layer = 0; layer < data.layers; layer++) {
    const figure = made("figure"), frame = made("div"), canvas = made("canvas"), chosen = made("div");
    const said = `layer ${layer}, ${data.units} cells`, caption = made("figcaption", said);
    [canvas.width, canvas.height] = [columns, Math.ceil(data.units / columns)];
    canvas.setAttribute("aria-hidden", "true");
    [frame.className, chosen.className] = ["frame", "chosen"];
    frame.append(canvas, chosen);
    figure.append(caption, frame);
    const under = (event) => {
      const box = canvas.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
      const unit = Math.floor(((event.clientY - box.top) / box.height) * canvas.height) * columns + column;
      return unit >= 0 && unit < data.units ? layer * data.units + unit : -1;
    };
    canvas.addEventListener("mousemove", (event) => {
      const which = under(event);
      if (which >= 0) caption.textContent = `cell ${name(which)}: ${signed(value(which, at) * data.largest[which])}`;
    });
    canvas.addEventListener("mouseleave", () => (caption.textContent = said));
    canvas.addEventListener("click", (event) => under(event) >= 0 && choose(under(event)));
    part("cells").append(figure);
    maps.push({ canvas, chosen });
  }
}

function writeGuesses() {
  if (spans[0].dataset.guesses !== undefined) return;
  spans.forEach((span, place) => {
    const own = RANKS.map((rank) => guess(place, rank));
    const band = (one, rank) =>
      `rgb(from var(--strong) r g b / ${(0.45 * one.odds).toFixed(3)}) ${20 * rank}% ${20 * rank + 20}%`;
    span.dataset.guesses = own.map((one) => glyph(one.character)).join("\n");
    span.style.setProperty("--odds", `linear-gradient(${own.map(band).join(",")})`);
  });
}

function writeRamp() {
  part("ramp").style.background = `linear-gradient(to right, ${data.shades[theme()].join(",")})`;
}

// What changes with the cell, and with the character.

function colour() {
  for (let place = 0; place < count; place++)
    spans[place].className = `c v${shadeOf(strength(place))}${spans[place].ends}`;
  spans[at].classList.add("here");
  part("cell").value = name(cell);
  part("surprise").setAttribute("aria-pressed", surprise);
  for (const button of document.querySelectorAll("#found button"))
    button.setAttribute("aria-pressed", !surprise && Number(button.dataset.cell) === cell);
  drawStrip();
  show();
}

function show() {
  const before = characters.slice(Math.max(0, at - 12), at);
  part("before").textContent = before.map((character) => (character === " " ? " " : glyph(character))).join("");
  part("character").textContent = glyph(characters[at]);
  const came = `It came with ${percent(Math.exp(-nats[at]))} (${nats[at].toFixed(2)} nats).`;
  part("chance").textContent = Number.isNaN(nats[at]) ? "The first of the text." : came;
  part("next").replaceChildren(...RANKS.map((rank) => guessed(guess(at, rank))));
  const largest = data.largest[cell];
  part("value").textContent = `${signed(value(cell, at) * largest)} of ±${largest.toFixed(2)}`;
  part("mark").style.left = `${(100 * (at + 0.5)) / count}%`;
  drawCells();
  clearTimeout(show.saying);
  show.saying = setTimeout(say, 250); // not every character that is passed
}

function guessed(one) {
  const item = made("li"), bar = made("i");
  bar.style.width = `${100 * one.odds}%`;
  item.classList.toggle("came", one.character === characters[at + 1]);
  item.append(made("b", glyph(one.character)), bar, made("span", percent(one.odds)));
  return item;
}

function say() {
  const word = (character) => words[character] ?? character;
  const next = [0, 1, 2].map((rank) => guess(at, rank)).map((one) => `${word(one.character)} ${percent(one.odds)}`);
  const own = `Cell ${name(cell)}: ${signed(value(cell, at))} of 1.`;
  part("said").textContent = `${word(characters[at])}. ${part("chance").textContent} ${own} Next: ${next.join(", ")}.`;
}

function drawCells() {
  const colours = data.shades[theme()].map(rgb);
  maps.forEach(({ canvas, chosen }, layer) => {
    const pen = canvas.getContext("2d"), image = pen.createImageData(canvas.width, canvas.height);
    for (let unit = 0; unit < data.units; unit++)
      image.data.set([...colours[shadeOf(value(layer * data.units + unit, at))], 255], unit * 4);
    pen.putImageData(image, 0, 0);
    const unit = cell - layer * data.units, wide = 100 / columns, high = 100 / canvas.height;
    chosen.hidden = unit < 0 || unit >= data.units;
    const [left, top] = [(unit % columns) * wide, Math.floor(unit / columns) * high];
    chosen.style.cssText = `left:${left}%;top:${top}%;width:${wide}%;height:${high}%`;
  });
}

function drawStrip() {
  const canvas = part("strip"), scale = devicePixelRatio || 1, colours = data.shades[theme()];
  [canvas.width, canvas.height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  const pen = canvas.getContext("2d"), middle = canvas.height / 2;
  for (let x = 0; x < canvas.width; x++) {
    const height = strength(Math.min(count - 1, Math.floor((x / canvas.width) * count))) * (middle - 2 * scale);
    pen.fillStyle = colours[height < 0 ? 0 : shades - 1];
    pen.fillRect(x, Math.min(middle, middle - height), 1, Math.max(1, Math.abs(height)));
  }
}

// Ways about.

function go(place, block = "") {
  spans[at].classList.remove("here");
  at = Math.max(0, Math.min(count - 1, place));
  spans[at].classList.add("here");
  if (block) spans[at].scrollIntoView({ block });
  show();
}

function choose(which) {
  cell = (which + cells) % cells;
  surprise = false;
  colour();
}

// The character in the row above (-1) or below (1) that is nearest.
function beside(direction) {
  const own = spans[at].getBoundingClientRect(), middle = own.left + own.width / 2;
  let best = at, least = Infinity, row = null;
  for (let place = at + direction; place >= 0 && place < count; place += direction) {
    const box = spans[place].getBoundingClientRect();
    if (Math.abs(box.top - own.top) < own.height / 2) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > own.height / 2) break;
    const far = Math.abs(box.left + box.width / 2 - middle);
    if (far < least) [best, least] = [place, far];
  }
  return best;
}

// The first (-1) or last (1) character of the row.
function end(direction) {
  const top = (place) => spans[place].getBoundingClientRect().top;
  let place = at;
  while (spans[place + direction] && Math.abs(top(place + direction) - top(at)) < 2) place += direction;
  return place;
}

const flips = {
  guesses() {
    writeGuesses();
    part("guesses").setAttribute("aria-pressed", part("text").classList.toggle("guessing"));
    spans[at].scrollIntoView({ block: "nearest" });
  },
  surprise() {
    surprise = !surprise;
    colour();
  },
  theme() {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    repaint();
  },
};

function repaint() {
  writeRamp();
  colour();
}

const alone = (event) => !(event.ctrlKey || event.metaKey || event.altKey);

function onKeys(id, moves, move) {
  part(id).addEventListener("keydown", (event) => {
    if (!alone(event) || !(event.key in moves)) return;
    event.preventDefault();
    move(moves[event.key]);
  });
}

function onAnyKey(event) {
  if (event.target.tagName === "INPUT" || !alone(event)) return;
  const flip = Object.keys(flips).find((id) => part(id).title === event.key), one = data.found[Number(event.key) - 1];
  if (flip) flips[flip]();
  else if (event.key === "[" || event.key === "]") choose(cell + (event.key === "]" ? 1 : -1));
  else if (one) choose(one.cell);
}

function onCell(event) {
  const [layer, unit] = event.target.value.split(/\D+/).map(Number);
  if (layer < data.layers && unit < data.units) choose(layer * data.units + unit);
  else event.target.value = name(cell); // there is no such cell
}

function listen() {
  const point = (event) => event.target.place !== undefined && go(event.target.place);
  for (const kind of ["mouseover", "click"]) part("text").addEventListener(kind, point);
  part("strip").addEventListener("click", (event) => {
    go(Math.floor((event.offsetX / part("strip").clientWidth) * count), "center");
  });
  const steps = {
    ArrowLeft: () => at - 1, ArrowRight: () => at + 1, ArrowUp: () => beside(-1), ArrowDown: () => beside(1),
    Home: () => end(-1), End: () => end(1),
  };
  onKeys("text", steps, (step) => go(step(), "nearest"));
  const others = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  onKeys("cells", others, (other) => choose(cell + other));
  document.addEventListener("keydown", onAnyKey);
  for (const id of Object.keys(flips)) part(id).addEventListener("click", flips[id]);
  part("cell").addEventListener("change", onCell);
  dark.addEventListener("change", repaint);
  addEventListener("resize", drawStrip);
}

unpack().then(() => {
  for (const write of [writeShades, writeText, writeFound, writeCells, writeRamp]) write();
  listen();
  colour();
  document.documentElement.dataset.ready = "";
}, (error) => {
  part("about").textContent = `This browser cannot unpack the page's numbers (${error}). One of 2023 or later can.`;
});
