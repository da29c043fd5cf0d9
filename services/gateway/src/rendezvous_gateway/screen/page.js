// Keeps the page fresh: asks for it again, and changes only what has changed, so that focus, selection and
// what is folded out stay. Without it the page is complete, and as old as its loading.
"use strict";

const EVERY_MS = 1000;
const KEPT = new Set(["open"]); // attributes that belong to who reads

let paused = false;
let timer = 0;
let shown = location.search;
let held = null; // a part that stands still, because somebody reads in it

/** Make the children of `old` those of `fresh`; elements with the same id, or place and name, stay. */
function morph(old, fresh) {
  const named = new Map();
  for (const child of old.children) {
    if (child.id) named.set(child.id, child);
  }
  let at = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const same = node.id ? named.get(node.id) : at && !at.id && at.nodeName === node.nodeName ? at : null;
    if (!same) {
      old.insertBefore(document.importNode(node, true), at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else old.insertBefore(same, at);
    update(same, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(old, fresh) {
  if (old === held) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name) && !KEPT.has(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value && !KEPT.has(name)) old.setAttribute(name, value);
  }
  morph(old, fresh);
}

/** What is to be read out, by the element that tells it. */
function news() {
  const told = new Map();
  for (const each of document.querySelectorAll("[data-news]")) told.set(each.id, each.dataset.news);
  return told;
}

function say(before) {
  const kinds = new Set([...before.keys()].map((id) => id.split("-", 1)[0]));
  const isNew = ([id, text]) => before.get(id) !== text && kinds.has(id.split("-", 1)[0]);
  const changed = [...news()].filter(isNew).map(([, text]) => text);
  if (changed.length) document.getElementById("news").textContent = changed.slice(0, 4).join(". ");
}

function fail(why) {
  const main = document.getElementById("main");
  let problem = document.getElementById("problem");
  if (!problem) {
    problem = document.createElement("p");
    problem.id = "problem";
    problem.className = "problem";
    problem.setAttribute("role", "alert");
    main.prepend(problem);
  }
  const text = `This page is not kept fresh: ${why}`;
  if (problem.textContent !== text) problem.textContent = text;
}

async function refresh() {
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`the gateway answers ${response.status}`);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    if (paused) return;
    const before = news();
    const decisions = document.getElementById("decisions");
    held = location.search === shown && decisions.querySelector("details[open]") ? decisions : null;
    shown = location.search;
    morph(document.getElementById("main"), fresh.getElementById("main"));
    document.querySelector("#as-of time").replaceWith(fresh.querySelector("#as-of time"));
    say(before);
  } catch (error) {
    if (!paused) fail(error.name === "TypeError" ? "the gateway does not answer" : error.message);
  }
}

async function turn() {
  clearTimeout(timer);
  if (paused || document.hidden) return;
  await refresh();
  timer = setTimeout(turn, EVERY_MS);
}

const pause = document.getElementById("pause");
pause.hidden = false;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (!paused) turn();
});
document.addEventListener("visibilitychange", turn);

// Another route's decisions, without loading the page again.
document.addEventListener("click", (event) => {
  const link = event.target.closest(".tabs a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  turn();
});
window.addEventListener("popstate", turn);

timer = setTimeout(turn, EVERY_MS);
