// The page: one record at a time, keyboard first.
import { read, readImage, write } from "./api.js";
import { say, toggleTheme } from "./notices.js";
import { Picture } from "./picture.js";
import { showAnswer } from "./texts.js";

const $ = (id) => document.getElementById(id);
const picture = new Picture($("canvas"));

let reviewer = ""; // as chosen in this tab, else by --reviewer, else as last time
let criteria = {}; // name -> what has to be right
let record = null; // what is shown, or null
let wrong = new Set(); // criteria that are not met
let phrases = []; // one button a target
const drafts = new Map(); // number -> what was said or drawn, so that an undo loses no work
let seen = []; // numbers of the records shown before this one
let since = 0; // when it was shown, ms
let busy = false;

// --- moving through the records ---------------------------------------------------------

/** Show the next record of the queue, or the one after `after` in it. */
async function goNext(after = null) {
  const state = await read("/api/next", { reviewer, ...(after === null ? {} : { after }) });
  if (after !== null && state.number === after) say("This is the only record left for you.");
  showProgress(state);
  if (record && record.number !== state.number) seen.push(record.number);
  await show(state.number);
}

async function goBack() {
  if (!seen.length) return say("There is no record before this one.");
  await show(seen.pop());
}

async function show(number) {
  if (record) drafts.set(record.number, whatIsSaid());
  if (number === null) return showEnd();
  const fetched = await read(`/api/records/${number}`, { reviewer });
  const image = await readImage(number).catch((error) => error);
  const mine = fetched.decision ?? drafts.get(number);
  record = fetched;
  since = Date.now();
  wrong = new Set(mine ? Object.keys(criteria).filter((name) => !mine.rubric[name]) : []);
  $("question-edit").value = mine?.instruction ?? record.instruction;
  $("answer-edit").value = mine?.answer ?? record.answer;
  $("note").value = mine?.note ?? "";
  const failed = image instanceof Error;
  const problems = [failed && image.message, record.problem].filter(Boolean);
  $("no-image").hidden = !problems.length;
  $("no-image").textContent = `Not all can be shown: ${problems.join("; ")}`;
  picture.show(failed ? null : image, record.masks, mine?.masks ?? [], record.correctable);
  const facets = Object.values(record.facets).join(" · ");
  const ground = record.gsd_m ? ` · ${record.gsd_m} m a pixel` : "";
  $("about").textContent = `${record.id} · ${record.image}${ground} · ${facets}`;
  setTool("hand");
  editTexts(false);
  showRubric();
  showChanges();
}

function showEnd() {
  record = null;
  picture.show(null, [], [], false);
  $("no-image").hidden = false;
  $("no-image").textContent = "Nothing is left for you to review. Thank you!";
  for (const id of ["about", "question", "answer", "changes"]) $(id).textContent = "";
  for (const id of ["question-edit", "answer-edit", "note"]) $(id).value = "";
  wrong = new Set();
  showRubric();
}

function showProgress({ records, decided, mine, left }) {
  $("progress").max = records;
  $("progress").value = decided;
  $("counts").textContent = `${decided} of ${records} decided · ${mine} by you · ${left} left for you`;
}

// --- deciding -----------------------------------------------------------------------------

async function decide(verdict) {
  if (!record) return;
  if (verdict === "accept" && wrong.size) {
    return say("Something is marked as wrong: put it right and unmark it, or reject.", true);
  }
  if (verdict === "reject" && !wrong.size) {
    return say("Mark first what is wrong: keys 1 to 4.", true);
  }
  const replaces = record.decision?.at ?? null;
  const seconds = (Date.now() - since) / 1000;
  const { at } = await write("/api/decision", { ...whatIsSaid(), replaces, seconds });
  record.decision = { at }; // the next record may not come, and this one be decided on again
  say(verdict === "accept" ? "Accepted" : "Rejected");
  await goNext();
}

/** What the page says about the record; texts and masks only where they were changed. */
function whatIsSaid() {
  const [instruction, answer] = [$("question-edit").value, $("answer-edit").value];
  return {
    reviewer,
    id: record.id,
    record: record.record,
    rubric: Object.fromEntries(Object.keys(criteria).map((name) => [name, !wrong.has(name)])),
    note: $("note").value,
    masks: picture.corrections(),
    ...(instruction === record.instruction ? {} : { instruction }),
    ...(answer === record.answer ? {} : { answer }),
  };
}

async function undo() {
  const { number } = await write("/api/undo", { reviewer });
  if (number === null) return say("There is no decision of yours to take back.");
  seen = seen.filter((other) => other !== number);
  showProgress(await read("/api/next", { reviewer }));
  await show(number);
  say("Taken back");
}

function toggleWrong(index) {
  const name = Object.keys(criteria)[index];
  if (!record || !name) return;
  if (!wrong.delete(name)) wrong.add(name);
  showRubric();
}

function showRubric() {
  $("rubric").replaceChildren(...Object.entries(criteria).map(([name, text], index) => {
    const button = document.createElement("button");
    const isWrong = wrong.has(name);
    button.className = isWrong ? "point wrong" : "point";
    button.setAttribute("aria-pressed", "mixed");
    button.dataset.name = name;
    for (const [tag, content] of [["kbd", index + 1], ["span", text], ["span", isWrong ? "✗" : "✓"]]) {
      const part = document.createElement(tag);
      part.textContent = content;
      button.append(part);
    }
    button.lastChild.className = "mark";
    button.children[1].style.flex = "1";
    button.setAttribute("aria-label", `${text}: ${isWrong ? "wrong" : "right"}`);
    button.addEventListener("click", () => toggleWrong(index));
    return button;
  }));
  $("accept").classList.toggle("dim", wrong.size > 0);
  $("reject").classList.toggle("dim", wrong.size === 0);
}

// --- correcting ---------------------------------------------------------------------------

function setTool(tool) {
  if (tool !== "hand" && record && !record.correctable) {
    return say("The masks of this record cannot be corrected here.", true);
  }
  picture.tool = tool;
  for (const id of ["hand", "brush", "eraser"]) $(id).setAttribute("aria-pressed", id === tool);
  $("canvas").classList.toggle("paint", tool !== "hand");
  if (tool !== "hand" && !picture.shown) toggleMasks();
  picture.draw();
}

function setRadius(radius) {
  picture.radius = Math.min(100, Math.max(1, radius));
  $("radius").value = picture.radius;
  picture.draw();
}

function pickTarget(target) {
  if (!phrases.length) return;
  picture.target = (target + phrases.length) % phrases.length;
  phrases.forEach((button, index) => button.classList.toggle("chosen", index === picture.target));
}

function toggleMasks() {
  picture.shown = !picture.shown;
  $("masks").setAttribute("aria-pressed", picture.shown);
  picture.draw();
}

function editTexts(on) {
  for (const id of ["question", "answer"]) {
    $(id).hidden = on;
    $(`${id}-edit`).hidden = !on;
  }
  $("question").textContent = $("question-edit").value;
  phrases = showAnswer($("answer"), $("answer-edit").value, pickTarget);
  pickTarget(picture.target);
  if (on) $("question-edit").focus();
  showChanges();
}

function showChanges() {
  if (!record) return;
  const masks = picture.corrections().filter(Boolean).length;
  const changes = [
    $("question-edit").value !== record.instruction && "question",
    $("answer-edit").value !== record.answer && "answer",
    masks && `${masks} mask${masks > 1 ? "s" : ""}`,
  ].filter(Boolean);
  $("changes").hidden = !changes.length;
  $("changes").textContent = `✎ Changed by you: ${changes.join(", ")}`;
}

// --- keys and buttons ---------------------------------------------------------------------

// In the order of the help: judge, move on, correct, look.
const ACTIONS = new Map([
  ["a", ["accept", () => decide("accept")]],
  ["r", ["reject", () => decide("reject")]],
  ["1", ["object is wrong", () => toggleWrong(0)]],
  ["2", ["place or logic is wrong", () => toggleWrong(1)]],
  ["3", ["mask is wrong", () => toggleWrong(2)]],
  ["4", ["grammar is wrong", () => toggleWrong(3)]],
  ["c", ["write a note", () => $("note").focus()]],
  ["t", ["edit the texts", () => editTexts($("question-edit").hidden)]],
  ["u", ["undo the latest decision", undo]],
  ["n", ["pass over", () => record && goNext(record.number)]],
  ["p", ["back", goBack]],
  ["?", ["these keys", () => $("help").showModal()]],
  ["m", ["masks on or off", toggleMasks]],
  ["b", ["brush", () => setTool("brush")]],
  ["e", ["eraser", () => setTool("eraser")]],
  ["v", ["move", () => setTool("hand")]],
  ["[", ["smaller brush", () => setRadius(picture.radius - 2)]],
  ["]", ["larger brush", () => setRadius(picture.radius + 2)]],
  ["z", ["undo a stroke", () => picture.undoStroke() || say("There is no stroke to undo.")]],
  ["Tab", ["next target", () => pickTarget(picture.target + 1)]],
  ["+", ["zoom in", () => picture.zoom(1.25)]],
  ["-", ["zoom out", () => picture.zoom(0.8)]],
  ["0", ["fit the picture", () => picture.fit()]],
  ["d", ["dark or light", toggleTheme]],
]);
const BUTTONS = {
  accept: "a", reject: "r", next: "n", back: "p", undo: "u", edit: "t", masks: "m", brush: "b",
  eraser: "e", hand: "v", fit: "0", theme: "d", "help-button": "?",
};

/** Run one action at a time and show what went wrong. */
async function act(key) {
  if (busy) return;
  busy = true;
  try {
    await ACTIONS.get(key)[1]();
  } catch (error) {
    say(error.message, true);
  } finally {
    busy = false;
  }
}

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.target.matches("textarea")) {
    if (event.key === "Escape") { event.target.blur(); editTexts(false); }
    return;
  }
  if (event.key === " ") { picture.holding = true; event.preventDefault(); return; }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!ACTIONS.has(key) || event.repeat && !"[]+-".includes(key)) return;
  if (event.altKey || (event.ctrlKey || event.metaKey) && key !== "z") return;
  if (key === "Tab" && (event.shiftKey || phrases.length < 2)) return; // moves the focus as usual
  event.preventDefault();
  act(key);
});
document.addEventListener("keyup", (event) => { if (event.key === " ") picture.holding = false; });
for (const [id, key] of Object.entries(BUTTONS)) $(id).addEventListener("click", () => { $(id).blur(); act(key); });
$("radius").addEventListener("input", (event) => setRadius(Number(event.target.value)));
for (const id of ["question-edit", "answer-edit"]) $(id).addEventListener("input", showChanges);
$("who").addEventListener("click", askName);
$("ask-name").addEventListener("close", () => start($("name").value.trim()));
picture.onChange = showChanges;

function askName() {
  $("name").value = reviewer;
  $("ask-name").showModal();
}

async function start(name) {
  try {
    let state = await read("/api/next", name ? { reviewer: name } : {});
    const before = localStorage.getItem("reviewer");
    if (!state.reviewer && before) state = await read("/api/next", { reviewer: before });
    ({ reviewer, criteria } = state);
    if (!reviewer) return askName();
    localStorage.setItem("reviewer", reviewer);
    if (name) sessionStorage.setItem("reviewer", name);
    $("who").textContent = reviewer;
    seen = [];
    record = null;
    drafts.clear();
    showProgress(state);
    await show(state.number);
  } catch (error) {
    say(error.message, true);
  }
}

for (const [index, [key, [text]]] of [...ACTIONS].entries()) {
  const half = ACTIONS.size / 2; // two columns, each from top to bottom
  const cap = document.createElement("kbd");
  cap.textContent = key.length === 1 ? key.toUpperCase() : key;
  const words = document.createElement("span");
  words.textContent = text;
  cap.style.gridArea = `${1 + (index % half)} / ${index < half ? 1 : 3}`;
  words.style.gridArea = `${1 + (index % half)} / ${index < half ? 2 : 4}`;
  $("keys").append(cap, words);
}
$("masks").setAttribute("aria-pressed", true);
start(sessionStorage.getItem("reviewer"));
