// The login above the documentation.
//
// Passwords go to auth alone: its page has the form, and the pages of other services open that in a window. The token
// is kept in the tab (sessionStorage), so it survives a reload, and ends with the tab. It is handed over by messages
// between windows, never by an address, and only to the origins that the server names in `data-others`.

const KEY = "login";
const bar = document.getElementById("bar");
const form = document.getElementById("login");
const user = document.getElementById("user");
const message = document.getElementById("message");
const origins = bar.dataset.others.split(" ").map((address) => new URL(address, location.href).origin);
const askers = new Map(); // windows of other services, and their origins, that have asked who is logged in

let login = null; // {name, token}; a pasted token comes without a name
let loginWindow = null;
let end; // the timer that forgets the token when it expires
let show = () => {}; // what the page does with a new token, or when there is none any more

export const isLoginWindow = location.hash === "#login" && Boolean(window.opener);

export function start(showToken) {
  show = showToken;
  if (isLoginWindow) sessionStorage.removeItem(KEY); // it begins with a copy of its opener's, which may be over
  keep(JSON.parse(sessionStorage.getItem(KEY)));
  if (window.opener && !login) tell(window.opener, "who");
}

export function useToken(token) {
  if (token !== login?.token) keep({token});
}

export function forget(text = "") {
  if (!login) return;
  keep(null);
  message.textContent = text;
}

export async function send(how, name, password) {
  message.textContent = "";
  const answer = await ask("POST", how, {"Content-Type": "application/json"}, JSON.stringify({name, password}));
  if (!answer) return;
  if (!answer.ok) return complain(await answer.json());
  const {token} = await answer.json();
  keep({name, token});
  for (const [page, origin] of askers) page.postMessage(login, origin);
  if (window.opener) tell(window.opener, login);
  if (isLoginWindow) message.textContent = "You can close this window.";
}

async function ask(method, path, headers, body) {
  try {
    return await fetch(path, {method, headers, body, credentials: "omit"}); // or a browser opens its own dialog
  } catch {
    message.textContent = "The service does not answer.";
    return null;
  }
}

function complain(problem) {
  const errors = problem.errors?.map(({pointer, detail}) => `${pointer?.slice(1)} ${detail}`);
  const texts = errors ?? [problem.detail];
  message.textContent = texts.map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`).join(" ");
}

function keep(found) {
  const [before, seconds] = [login?.token, found ? secondsLeft(found.token) : 0];
  login = seconds > 0 ? found : null;
  clearTimeout(end);
  if (login) sessionStorage.setItem(KEY, JSON.stringify(login));
  else sessionStorage.removeItem(KEY);
  if (login && seconds < Infinity) end = setTimeout(forget, seconds * 1000, "Your token has expired: log in again.");
  if (login) message.textContent = "";
  form.hidden = Boolean(login);
  user.hidden = !login;
  user.firstElementChild.textContent = login?.name ? `Logged in as ${login.name}` : "Logged in with a token";
  if (login?.token !== before) show(login?.token);
}

function claims(token) {
  try {
    return JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
  } catch {
    return {}; // no token of ours: a request will say so
  }
}

function secondsLeft(token) {
  const {exp} = claims(token);
  return exp ? exp - Date.now() / 1000 : Infinity;
}

function tell(page, data) {
  for (const origin of origins) page.postMessage(data, origin);
}

window.addEventListener("message", ({source, origin, data}) => {
  if (!origins.includes(origin) || source === window) return;
  if (data === "who") {
    askers.set(source, origin);
    if (login) source.postMessage(login, origin);
  } else if (typeof data?.token === "string" && !login) {
    keep({name: data.name, token: data.token});
    loginWindow?.close();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const {name, password} = Object.fromEntries(new FormData(form));
  send(event.submitter.value, name, password);
  form.reset();
});

document.getElementById("open")?.addEventListener("click", ({target}) => {
  loginWindow = window.open(target.dataset.login, "login", "popup,width=440,height=520");
});

user.querySelector("button").addEventListener("click", async () => {
  const {token} = login;
  // Only auth can end the session; elsewhere the token is forgotten, and expires.
  if (form.elements.password) await ask("DELETE", `sessions/${claims(token).sid}`, {Authorization: `Bearer ${token}`});
  forget();
});
