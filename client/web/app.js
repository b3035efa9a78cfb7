// A shelf of books in a browser: the routes of both services, which a proxy puts under this page's own address.
//
// The access token lives in memory alone, so that nothing that outlives the page can be read for it. The refresh
// token is in sessionStorage: it survives a reload, belongs to one tab, and goes with it. A script that runs in
// this page could use either, wherever they were kept; so the page loads no script but this one and writes no
// HTML, and its Content-Security-Policy forbids both. A cookie would be sent by other sites' requests too, and the
// services take none.

const REFRESH_TOKEN = "refresh_token";
const LABELS = { name: "Name", Author: "Author", Publisher: "Publisher", book_prize: "Price" };
const MEMBERS = Object.keys(LABELS);
const FIELD_OF = { "name-taken": "name", "book-exists": "name" }; // what a refusal without `errors` is about
const TYPING = 250; // milliseconds without a key before a search begins
const MAX_FILE = 16 * 1024 * 1024; // bytes of an import
const SLOW = 1000; // milliseconds before something under way shows that it is

const find = (selector) => document.querySelector(selector);
const [welcome, shelf, editor, report] = ["#welcome", "#shelf", "#editor", "#report"].map(find);

let accessToken = "";
let refreshing = null; // one refresh at a time, for all requests that wait for it
let next = null; // the cursor of the next page
let listing = 0; // the number of the newest page that was asked for: others are dropped
let edited = null; // what the editor shows: {book, etag}, or {} for a new one
let underWay = 0; // how many things a person waits for

class Problem extends Error {
  constructor(response, document) {
    const wait = response.headers.get("Retry-After");
    const what = document.detail ?? (response.status > 500 ? "the service cannot be reached" : "that failed");
    super(sentence(what) + (wait ? ` Try again in ${duration(Number(wait))}.` : ""));
    const { code = "", errors = [], error_count: count = errors.length } = document;
    Object.assign(this, { status: response.status, code, errors, count });
  }
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const duration = (seconds) =>
  seconds < 120 ? plural(seconds, "second") : plural(Math.ceil(seconds / 60), "minute");

// Requests and the session

async function send(path, { json, headers, ...options } = {}) {
  const body = json === undefined ? options.body : JSON.stringify(json);
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  let response;
  try {
    response = await fetch(path, { ...options, body, headers: { ...type, ...headers } });
  } catch {
    throw new Error("The service cannot be reached. Try again.");
  }
  if (!response.ok) throw new Problem(response, await response.json().catch(() => ({})));
  return response;
}

async function sendWithToken(path, options = {}) {
  if (!accessToken) await refresh();
  const token = accessToken;
  const sendWith = (bearer) =>
    send(path, { ...options, headers: { Authorization: `Bearer ${bearer}`, ...options.headers } });
  try {
    return await sendWith(token);
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  if (accessToken === token) await refresh(); // or another request has done so
  return sendWith(accessToken);
}

function refresh() {
  refreshing ??= useRefreshToken().finally(() => { refreshing = null; });
  return refreshing;
}

async function useRefreshToken() {
  const spent = sessionStorage.getItem(REFRESH_TOKEN);
  try {
    const response = await send("auth/refresh", { method: "POST", json: { refresh_token: spent ?? "" } });
    const tokens = await response.json();
    keep(tokens);
    copies.postMessage({ spent, successor: tokens.refresh_token });
  } catch (error) {
    if (error.status !== 401) throw error;
    forget();
    throw new Error("Your session has ended. Log in again.");
  }
}

function keep(tokens) {
  accessToken = tokens.token;
  sessionStorage.setItem(REFRESH_TOKEN, tokens.refresh_token);
}

function forget() {
  accessToken = "";
  sessionStorage.removeItem(REFRESH_TOKEN);
  show(welcome);
}

// "Duplicate tab" copies sessionStorage. A copy that slept through two successors would show an old token, which
// ends the session as a thief's would; so each tab tells its copies what follows a token, or that none does.
const copies = new BroadcastChannel("session");
copies.addEventListener("message", ({ data: { spent, successor } }) => {
  if (sessionStorage.getItem(REFRESH_TOKEN) !== spent) return;
  if (successor) sessionStorage.setItem(REFRESH_TOKEN, successor);
  else leave();
});

// The page

function show(main) {
  welcome.hidden = main !== welcome;
  shelf.hidden = find("#account").hidden = main !== shelf;
  if (main === shelf) return shelf.focus();
  listing++; // nothing that is still on its way is shown to who comes next
  for (const dialog of [editor, report]) dialog.close();
  find("#books tbody").replaceChildren();
  for (const form of [find("#login"), find("#search")]) form.reset();
  return find("#login [name=name]").focus();
}

function say(text, isBad = false) {
  find("#status").textContent = text;
  find("#status").classList.toggle("bad", isBad);
}

// Do what a person asked for; what goes wrong is said, in `form` if there is one.
async function attempt(action, form = null) {
  if (find("#status").matches(".bad")) say("");
  clearComplaints(form);
  underWay++;
  const timer = setTimeout(() => { find("#busy").hidden = false; }, SLOW);
  try {
    await action();
  } catch (error) {
    if (form?.checkVisibility()) complain(form, error);
    else if (error.name !== "AbortError") say(error.message, true); // which is a person's "Cancel"
  } finally {
    clearTimeout(timer);
    underWay--;
    if (!underWay) find("#busy").hidden = true;
  }
}

function clearComplaints(form) {
  for (const each of form?.querySelectorAll(".complaint") ?? []) each.remove();
  for (const each of form?.querySelectorAll("[aria-invalid]") ?? []) each.removeAttribute("aria-invalid");
}

function complain(form, { message, code, errors = [] }) {
  const about = errors.map(({ pointer = "", detail }) => [form.elements[pointer.slice(1)], detail]);
  if (FIELD_OF[code]) about.push([form.elements[FIELD_OF[code]], message]);
  const shown = about.filter(([field]) => field);
  for (const [field, detail] of shown) {
    const id = `${form.id}-${field.name}-complaint`;
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", id);
    field.closest("label").after(element("p", sentence(detail), { id, className: "complaint" }));
  }
  if (shown.length) shown[0][0].focus();
  else form.lastElementChild.before(element("p", message, { className: "complaint", role: "alert" }));
}

function element(name, text = "", members = {}) {
  return Object.assign(document.createElement(name), { textContent: text }, members);
}

// The list

async function list() {
  const page = await fetchPage(null);
  if (!page) return;
  find("#books tbody").replaceChildren();
  append(page);
  const isEmpty = page.list_of_books.length === 0;
  find("#books").hidden = isEmpty;
  find("#empty").hidden = !(isEmpty && "total" in page);
}

async function showMore() {
  const page = await fetchPage(next);
  if (!page) return;
  const first = find("#books tbody").children.length;
  append(page);
  find("#books tbody").children[first]?.querySelector("button").focus();
}

// Return a page of what is searched for; nothing if something newer was asked for meanwhile.
async function fetchPage(cursor) {
  const number = ++listing;
  const query = new URLSearchParams({ sort: find("#sort").value, q: find("#q").value.trim() });
  if (cursor) query.set("cursor", cursor);
  const page = await (await sendWithToken(`books/books?${query}`)).json();
  return number === listing ? page : null;
}

function append(page) {
  const rows = find("#books tbody");
  rows.append(...page.list_of_books.map(row));
  next = page.next;
  find("#more").hidden = !next;
  const found = `${rows.children.length}${next ? "+" : ""} found`; // of a search nobody knows the total
  find("#count").textContent = "total" in page ? plural(page.total, "book") : found;
}

function row(book) {
  const cells = MEMBERS.map((member) => element("td", book[member] ?? "", { className: member }));
  const button = element("button", "Edit", { className: "quiet", ariaLabel: `Edit ${book.name}` });
  button.addEventListener("click", () => attempt(() => edit(book.id)));
  const actions = element("td", "", { className: "actions" });
  actions.append(button);
  const line = element("tr");
  line.dataset.id = book.id;
  line.append(...cells, actions);
  return line;
}

// The editor

function openEditor(title, book) {
  const form = find("#book");
  clearComplaints(form);
  form.querySelector("h2").textContent = title;
  for (const member of MEMBERS) form.elements[member].value = book[member] ?? "";
  find("#conflict").hidden = true;
  find("#save").textContent = "Save";
  find("#remove").hidden = !edited.book;
  if (!editor.open) editor.showModal();
  form.elements.name.focus();
}

function add() {
  edited = {};
  openEditor("Add a book", {});
}

async function edit(id) {
  edited = await read(id);
  if (shelf.hidden) return; // logged out in another tab meanwhile
  openEditor("Edit the book", edited.book);
}

async function read(id) {
  const response = await sendWithToken(`books/books/${id}`);
  return { book: await response.json(), etag: response.headers.get("ETag") };
}

// What is no whole number goes out as it was written: the service says what is wrong with it.
function written(form) {
  const book = Object.fromEntries(MEMBERS.map((member) => [member, form.elements[member].value]));
  const price = book.book_prize.trim();
  return { ...book, book_prize: price === "" ? null : /^[0-9]+$/.test(price) ? Number(price) : price };
}

async function save(form) {
  const json = written(form);
  if (edited.book) return change("PATCH", { json });
  const headers = { "Idempotency-Key": keyFor(JSON.stringify(json)) };
  await sendWithToken("books/books", { method: "POST", json, headers });
  editor.close();
  say("The book is on your shelf.");
  return list();
}

// One key for each text: saved again after a lost answer, the book is made once. (randomUUID would demand TLS.)
function keyFor(text) {
  if (edited.text !== text) edited = { text, key: crypto.getRandomValues(new Uint32Array(4)).join("-") };
  return edited.key;
}

async function change(method, options = {}) {
  const { book, etag } = edited;
  let response;
  try {
    const headers = { "If-Match": etag };
    response = await sendWithToken(`books/books/${book.id}`, { method, headers, ...options });
  } catch (error) {
    if (error.code !== "precondition-failed") throw error;
    return showConflict(await read(book.id));
  }
  editor.close();
  if (method === "PATCH") return replaceRow(await response.json());
  say(`“${book.name}” is gone.`);
  find("#add").focus();
  return list();
}

function replaceRow(book) {
  const line = row(book);
  find(`#books tr[data-id="${book.id}"]`)?.replaceWith(line);
  line.querySelector("button").focus();
  say("Saved.");
}

function showConflict(theirs) {
  edited = theirs; // whoever saves now has seen this version
  const mine = written(find("#book"));
  const entry = (member) => {
    const className = theirs.book[member] === mine[member] ? "" : "differs";
    return [element("dt", LABELS[member]), element("dd", theirs.book[member] ?? "–", { className })];
  };
  find("#conflict dl").replaceChildren(...MEMBERS.flatMap(entry));
  find("#conflict").hidden = false;
  find("#save").textContent = "Save mine";
  find("#theirs").focus();
}

// Files

async function importFile(file) {
  if (file.size > MAX_FILE) throw new Error("The file is too large: 16 MiB are the most that is taken.");
  const isJson = /\.(ndjson|jsonl)$/i.test(file.name);
  say(`Importing ${file.name} …`);
  try {
    const headers = { "Content-Type": isJson ? "application/x-ndjson" : "text/csv" };
    const response = await sendWithToken("books/books/import", { method: "POST", body: file, headers });
    const { created, skipped } = await response.json();
    say(`${plural(created, "new book")}${skipped ? `, ${skipped} were there already` : ""}.`);
  } catch (error) {
    if (!error.errors?.length) throw error;
    say("Nothing was imported.", true);
    return showReport(error);
  }
  return list();
}

function showReport({ errors, count }) {
  const lines = errors.map(({ line, pointer = "", detail }) => {
    const where = [line ? `Line ${line}` : "", LABELS[pointer.slice(1)] ?? ""].filter(Boolean).join(", ");
    return element("li", where ? `${where}: ${detail}` : sentence(detail));
  });
  if (count > errors.length) lines.push(element("li", `… and ${plural(count - errors.length, "more mistake")}`));
  report.querySelector("ul").replaceChildren(...lines);
  report.showModal();
}

// Where the browser can, the answer goes to the file as it arrives, and a broken one leaves the file as it was.
async function exportFile(name, query) {
  const file = await window.showSaveFilePicker?.({ suggestedName: name });
  say(`Exporting ${name} …`);
  const response = await sendWithToken(`books/books/export?${query}`);
  try {
    if (file) await response.body.pipeTo(await file.createWritable());
    else download(await response.blob(), name);
  } catch {
    throw new Error("The export broke off, so nothing was saved. Try again.");
  }
  say("Exported.");
}

function download(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href));
}

// Who is here

async function enter(how, form) {
  const json = { name: form.elements.name.value, password: form.elements.password.value };
  keep(await (await send(`auth/${how}`, { method: "POST", json })).json());
  say("");
  await start();
}

async function start() {
  const user = await (await sendWithToken("auth/me")).json();
  find("#user").textContent = user.name;
  show(shelf);
  await list();
}

async function logOut() {
  const spent = sessionStorage.getItem(REFRESH_TOKEN) ?? "";
  await send("auth/logout", { method: "POST", json: { refresh_token: spent } });
  copies.postMessage({ spent, successor: null });
  leave();
}

function leave() {
  forget();
  say("Logged out.");
}

// What people do

function onClick(selector, action) {
  find(selector).addEventListener("click", action);
}

// A form is sent once at a time, however often a person clicks.
function onSubmit(selector, action) {
  find(selector).addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    await attempt(() => action(form, event.submitter), form);
    form.ariaBusy = "false";
  });
}

onSubmit("#login", (form, button) => enter(button?.value ?? "login", form));
onSubmit("#book", save);
onClick("#logout", () => attempt(logOut));
onClick("#add", add);
onClick("#first", add);
onClick("#more", () => attempt(showMore));
onClick("#cancel", () => editor.close());
onClick("#theirs", () => openEditor("Edit the book", edited.book));
onClick("#remove", () => {
  if (confirm(`Remove “${edited.book.name}” from the shelf?`)) attempt(() => change("DELETE"), find("#book"));
});
onClick("#import", () => find("#file").click());
onClick("#csv", () => attempt(() => exportFile("books.csv", "format=csv&bom=1")));
onClick("#ndjson", () => attempt(() => exportFile("books.ndjson", "format=ndjson")));

find("#file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  event.target.value = ""; // the same file can be chosen again
  if (file) attempt(() => importFile(file));
});
find("#sort").addEventListener("change", () => attempt(list));
find("#search").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(list);
});

let typing = 0;
find("#q").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => attempt(list), TYPING);
});

document.addEventListener("keydown", (event) => {
  const isWriting = event.target.closest("input, select, dialog");
  if (isWriting || shelf.hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") find("#q").focus();
  else if (event.key === "n") add();
  else return;
  event.preventDefault();
});

if (sessionStorage.getItem(REFRESH_TOKEN)) {
  attempt(start).then(() => { if (shelf.hidden) show(welcome); });
} else {
  show(welcome);
}
