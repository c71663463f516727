// The page is a client of the API like any other: it asks /v1/completions, and /office where it has an admin's key.

const $ = (id) => document.getElementById(id);
const made = (tag, fields = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), fields);
  element.append(...children);
  return element;
};
const MONOSPACED = (voice) => voice.picture !== "card";
const GUESSES = 5;
let voices = new Map();
let writing = null; // what stops the text that is being written
let last = null; // the voice, the options and the text that are shown

// --- asking ---------------------------------------------------------------------------------------------------------

async function ask(path, body, signal) {
  const key = sessionStorage.getItem("key");
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) };
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw Object.assign(new Error(told?.error?.message ?? `The server answered ${answer.status}.`), { status: answer.status });
}

async function* pieces(body, signal) {
  const answer = await ask("v1/completions", { ...body, stream: true }, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let held = ""; ; ) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (held + value).split("\n\n");
    held = events.pop();
    for (const event of events) {
      if (event === "data: [DONE]") return;
      const told = JSON.parse(event.slice("data: ".length));
      if (told.error) throw new Error(told.error.message);
      yield told;
    }
  }
}

// --- the text -------------------------------------------------------------------------------------------------------

class Text {
  // Shows characters as they come. Where it is watched each is a <b>, and the whole stands beside them for those who listen.
  constructor(place, code, watched) {
    Object.assign(this, { place, watched, text: "", guesses: [], at: -1 });
    place.className = [code && "code", watched && "thinking"].filter(Boolean).join(" ");
    place.replaceChildren();
    place.tabIndex = watched ? 0 : -1;
    if (!watched) return;
    this.spoken = place.appendChild(made("span", { className: "hidden" }));
    this.seen = place.appendChild(made("span", { ariaHidden: "true" }));
    place.onpointerover = (event) => event.target.tagName === "B" && this.show([...this.seen.children].indexOf(event.target));
    place.onkeydown = (event) => this.#step(event);
  }

  add(piece, chances) {
    this.text += piece;
    if (!this.watched) return this.place.append(piece);
    this.spoken.textContent = this.text;
    const { tokens = [...piece], token_logprobs: logs = [], top_logprobs: tops = [] } = chances ?? {};
    tokens.forEach((character, index) => {
      const letter = made("b", { textContent: character });
      if (logs[index] > -9000) letter.style.setProperty("--w", doubt(logs[index]));
      this.seen.append(letter);
      this.guesses.push({ character, chance: logs[index], others: tops[index] ?? {} });
    });
  }

  show(index) {
    if (!this.guesses[index]) return;
    this.seen.children[this.at]?.classList.remove("here");
    this.seen.children[(this.at = index)].classList.add("here");
    const { character, chance, others } = this.guesses[index];
    const rows = Object.entries(others).map(([other, log]) =>
      made("span", {}, made("kbd", { textContent: visible(other), className: other === character ? "drawn" : "" }), ` ${percent(log)}`));
    $("guesses").replaceChildren(made("span", { textContent: `${visible(character)} was ${percent(chance)} likely; expected:` }), ...rows);
  }

  #step(event) {
    const steps = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 0, End: this.guesses.length - 1 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    this.show(Math.min(Math.max(steps[event.key], 0), this.guesses.length - 1));
    this.seen.children[this.at]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

const doubt = (log) => Math.min(0.75, -log / 8).toFixed(3); // how dark a character is: 6 nats are as dark as it gets
const percent = (log) => (log === undefined || log < -9000 ? "not known" : log > Math.log(0.01) ? `${Math.round(100 * Math.exp(log))} %` : "under 1 %");
const visible = (character) => ({ " ": "space", "\n": "line feed", "\t": "tab" })[character] ?? character;

async function write(options) {
  writing?.abort();
  const stop = (writing = new AbortController());
  const voice = voices.get(options.model);
  const watched = $("think").checked;
  const text = new Text($("text"), MONOSPACED(voice), watched);
  last = { voice, options, text };
  $("answer").hidden = $("stop").hidden = false;
  $("picture").hidden = true;
  say("");
  $("about").textContent = "";
  $("guesses").replaceChildren(watched ? "Point at a character, or move with the arrow keys, to see what was expected in its place." : "");
  const body = { ...options, echo: true, ...(watched && { logprobs: GUESSES }) };
  try {
    for await (const told of pieces(body, stop.signal)) {
      const choice = told.choices[0];
      text.add(choice.text, choice.logprobs);
      $("about").textContent = about(voice, options);
      if (choice.finish_reason) history.replaceState(null, "", permalink(options));
    }
  } catch (error) {
    if (error.name !== "AbortError") say(error.message, true);
    if (error.status === 401) $("key-dialog").showModal();
  } finally {
    if (writing === stop) $("stop").hidden = true;
  }
}

const about = (voice, { seed, temperature, blend }) =>
  [voice.id + (blend ? ` with ${Math.round(100 * blend[1])} % ${blend[0]}` : ""), `seed ${seed}`, `temperature ${temperature}`,
    voice.trained ? millions(voice) : "letter counts, no trained network yet"].join(" · ");

const millions = (voice) => `${(voice.parameters / 1e6).toFixed(1)} million parameters`;

function say(line, wrong = false) {
  $("said").textContent = line;
  $("said").className = wrong ? "error" : "";
}

// --- options and links ----------------------------------------------------------------------------------------------

const FIELDS = { message: "message", prompt: "prefix", temperature: "temperature", max_tokens: "length" };

function chosen() {
  const options = { model: document.querySelector("#voices input:checked").value };
  for (const [name, id] of Object.entries(FIELDS)) if ($(id).value) options[name] = name === "message" || name === "prompt" ? $(id).value : Number($(id).value);
  options.seed = $("seed").value ? Number($("seed").value) : crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
  if ($("blend").value) options.blend = [$("blend").value, Number($("weight").value)];
  return options;
}

function permalink(options) {
  return "#" + new URLSearchParams({ ...options, ...(options.blend && { blend: options.blend.join("=") }) });
}

function follow(link) {
  const asked = Object.fromEntries(new URLSearchParams(link.slice(1)));
  if (!voices.has(asked.model)) return false;
  choose(asked.model);
  for (const [name, id] of Object.entries(FIELDS)) if (asked[name]) $(id).value = asked[name];
  $("seed").value = asked.seed ?? "";
  const [other, weight] = (asked.blend ?? "").split("=");
  $("blend").value = voices.has(other) ? other : "";
  if (weight) $("weight").value = weight;
  shown();
  write(chosen());
  return true;
}

function choose(name) {
  const voice = voices.get(name);
  document.querySelector(`#voices input[value="${CSS.escape(name)}"]`).checked = true;
  $("summary").textContent = voice.summary + (voice.trained ? "" : " (no trained network yet: it speaks from letter counts)");
  $("temperature").value = voice.temperature;
  $("length").value = "";
  $("length").placeholder = voice.length;
  $("examples").replaceChildren(...voice.examples.map((line) =>
    made("button", { type: "button", className: "plain", textContent: line, onclick: () => { $("message").value = line; write(chosen()); } })));
  $("blend").replaceChildren(made("option", { value: "", textContent: "nobody" }),
    ...[...voices.keys()].filter((other) => other !== name).map((other) => made("option", { textContent: other })));
  shown();
}

function shown() {
  $("temperature-shown").textContent = Number($("temperature").value).toFixed(2);
  $("weight").disabled = !$("blend").value;
  $("weight-shown").textContent = $("blend").value ? `${Math.round(100 * $("weight").value)} %` : "";
}

// --- the gallery ----------------------------------------------------------------------------------------------------

async function gallery() {
  const all = [...voices.values()];
  const untrained = all.filter((voice) => !voice.trained);
  if (untrained.length) $("cards").after(made("p", { className: "pale", textContent: `Not trained yet, speaking from letter counts: ${untrained.map((voice) => voice.id).join(", ")}.` }));
  for (const voice of all.filter((voice) => voice.trained)) {
    const quote = made("blockquote", { className: MONOSPACED(voice) ? "code" : "", tabIndex: 0, ariaLabel: `A text of ${voice.id}` });
    const open = made("button", { type: "button", className: "plain", textContent: `Ask ${voice.id}`, onclick: () => { choose(voice.id); $("message").focus(); } });
    $("cards").append(made("article", { className: "card" }, made("h3", { textContent: voice.id }), made("p", { className: "pale", textContent: voice.summary }), quote,
      made("p", { className: "pale" }, `${millions(voice)}, ${voice.nats?.toFixed(3)} nats per character · ${voice.licence} · `, open)));
    const answer = await ask("v1/completions", { model: voice.id, seed: 1 }).catch(() => null);
    quote.textContent = answer ? (await answer.json()).choices[0].text : "…";
  }
}

// --- the office -----------------------------------------------------------------------------------------------------

const DECISIONS = { waiting: ["approve", "edit", "redraw", "drop"], due: ["drop"], ready: ["drop", "retry"], failed: ["redraw", "drop"] };
const when = (moment) => moment && new Date(moment).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

async function office() {
  if (!sessionStorage.getItem("key")) return;
  try {
    const [accounts, schedules, posts] = await Promise.all(["accounts", "schedules", "posts"].map(async (what) => (await ask(`office/${what}`)).json()));
    $("order-style").replaceChildren(...[...voices.keys()].map((name) => made("option", { textContent: name })));
    $("order-target").replaceChildren(...accounts.map((name) => made("option", { textContent: name })));
    $("schedules").replaceChildren(timetable(schedules));
    $("posts").replaceChildren(...posts.map(card));
    $("office").hidden = false;
  } catch (error) {
    $("office").hidden = true;
    if (![401, 403].includes(error.status)) say(error.message, true);
  }
}

function timetable(schedules) {
  const rows = schedules.map((each) => made("tr", {}, made("td", { textContent: each.name }), made("td", { textContent: each.when }),
    made("td", { textContent: `${each.style} to ${each.targets.join(", ")}` }), made("td", { textContent: each.paused ? "paused" : when(each.next[0]) ?? "" }),
    made("td", {}, decision(each.paused ? "resume" : "pause", `office/schedules/${encodeURIComponent(each.name)}/${each.paused ? "resume" : "pause"}`))));
  const head = made("tr", {}, ...["Schedule", "When", "What", "Next", ""].map((title) => made("th", { scope: "col", textContent: title })));
  return made("div", { className: "scroll" }, schedules.length ? made("table", {}, made("thead", {}, head), made("tbody", {}, ...rows)) : "No schedules yet.");
}

function card(post) {
  const places = post.deliveries.map((each) => `${each.account}: ${each.state}${each.error ? ` (${each.error})` : ""}`).join(" · ");
  const actions = (DECISIONS[post.state] ?? []).map((name) => (name === "edit" ? editing(post) : decision(name, `office/posts/${post.id}/${name}`)));
  return made("article", { className: "card" }, made("h3", { textContent: `${post.id} · ${post.schedule || "by hand"} · ${post.state} · ${when(post.due)}` }),
    made("p", { className: "written", textContent: post.written || post.text || post.fault || "not written yet" }), made("p", { className: "pale", textContent: places || post.fault }),
    made("p", { className: "actions small" }, ...actions));
}

function decision(name, path) {
  return made("button", { type: "button", textContent: name[0].toUpperCase() + name.slice(1), onclick: () => decide(path, {}) });
}

function editing(post) {
  return made("button", { type: "button", textContent: "Edit", onclick: (event) => {
    const field = made("textarea", { value: post.written || post.text, rows: 5, ariaLabel: `Text of post ${post.id}` });
    event.target.closest("article").querySelector(".written").replaceWith(field);
    event.target.textContent = "Save";
    event.target.onclick = () => decide(`office/posts/${post.id}/text`, { text: field.value });
    field.focus();
  } });
}

async function decide(path, body) {
  try {
    await ask(path, body);
    await office();
  } catch (error) {
    alert(error.message);
  }
}

// --- what the buttons do --------------------------------------------------------------------------------------------

$("ask").onsubmit = (event) => { event.preventDefault(); write(chosen()); };
$("message").onkeydown = (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); write(chosen()); } };
$("stop").onclick = () => writing?.abort();
$("again").onclick = () => { $("seed").value = ""; write(chosen()); };
$("copy").onclick = () => navigator.clipboard.writeText(last.text.text).then(() => say("Copied."), () => say("The browser does not let me.", true));
$("link").onclick = () => navigator.clipboard.writeText(location.href.split("#")[0] + permalink(last.options)).then(() => say("The same link gives the same text."), () => say("The browser does not let me.", true));
$("draw").onclick = async () => {
  say("Drawing …");
  try {
    const file = await (await ask("pictures", { style: last.voice.id, text: last.text.text })).blob();
    URL.revokeObjectURL($("drawn").src);
    Object.assign($("drawn"), { src: URL.createObjectURL(file), alt: last.text.text });
    $("picture").hidden = false;
    say("");
  } catch (error) {
    say(error.message, true);
  }
};
$("think").onchange = () => { if (last) write(last.options); };
for (const id of ["temperature", "weight", "blend"]) $(id).oninput = shown;
$("key").onclick = () => $("key-dialog").showModal();
$("key-dialog").onclose = () => {
  if ($("key-dialog").returnValue === "use") sessionStorage.setItem("key", $("key-value").value.trim());
  $("key-value").value = "";
  office();
};
$("order").onsubmit = (event) => { event.preventDefault(); decide("office/posts", { style: $("order-style").value, targets: [$("order-target").value] }); };

async function begin() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (key) {
    sessionStorage.setItem("key", key);
    history.replaceState(null, "", location.pathname);
  }
  voices = new Map((await (await ask("v1/models")).json()).data
    .sort((a, b) => b.trained - a.trained).map((voice) => [voice.id, voice]));
  for (const voice of voices.values()) {
    const input = made("input", { type: "radio", name: "voice", value: voice.id, onchange: () => choose(voice.id) });
    $("voices").append(made("label", {}, input, made("span", { textContent: voice.id, className: voice.trained ? "" : "counts" })));
  }
  const all = [...voices.values()];
  choose((all.find((voice) => voice.default) ?? all[0]).id);
  follow(location.hash);
  gallery();
  office();
}

begin().catch((error) => document.querySelector("main").prepend(made("p", { className: "error", role: "alert", textContent: error.message })));
