// Starts Swagger UI, with the token of the login above it.

import {forget, isLoginWindow, send, start, useToken} from "./login.js";

const ENDED = ["token-expired", "token-revoked"];
const PASTED = /^[\s"]*(?:bearer[\s"]+)?|[\s"]+$/gi; // around a token that was copied with more than itself

// What is typed into "Authorize": a token serves as the login, and so do name and password.
const authorize = (original) => (given) => {
  const clean = (each) => typeof each.value === "string" ? {...each, value: each.value.replace(PASTED, "")} : each;
  const cleaned = Object.fromEntries(Object.entries(given).map(([name, each]) => [name, clean(each)]));
  const {bearer, basic} = cleaned;
  original(cleaned);
  if (bearer?.value) useToken(bearer.value);
  if (basic?.value) send("login", basic.value.username, basic.value.password);
};

const logout = (original) => (names) => {
  original(names);
  if (names.includes("bearer")) forget();
};

// "Authorize" offers what most routes take; the lock of a route offers all that this route takes.
const offerMost = (Button, {React, getSystem}) => function AuthorizeButton(props) {
  const {authActions, authSelectors} = getSystem();
  const most = authSelectors.definitionsToAuthorize().filter((each) => each.has("bearer") || each.has("basic"));
  return React.createElement(Button, {...props, onClick: () => authActions.showDefinitions(most)});
};

// Folds the errors of a route that almost every route has.
const fold = (Responses, {React}) => function FoldedResponses(props) {
  const [isOpen, setOpen] = React.useState(false);
  const shown = isOpen ? props.responses : props.responses.filterNot((response) => response.get("x-common"));
  const common = props.responses.filter((response) => response.get("x-common")).keySeq().join(", ");
  const text = `${isOpen ? "Hide" : "Show"} the common errors (${common})`;
  const toggle = {type: "button", className: "fold", "aria-expanded": isOpen, onClick: () => setOpen(!isOpen)};
  return React.createElement("div", null,
    React.createElement(Responses, {...props, responses: shown}),
    common && React.createElement("button", toggle, text));
};

const plugin = {
  statePlugins: {auth: {wrapActions: {authorize, logout}}},
  wrapComponents: {authorizeBtn: offerMost, responses: fold},
};

function onResponse(response) {
  if (response.status === 401 && ENDED.includes(response.body?.code)) forget("Your login has ended: log in again.");
  return response;
}

function showToken(token) {
  if (token) window.ui.preauthorizeApiKey("bearer", token);
  else window.ui.authActions.logout(["bearer"]);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const setColors = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", setColors);
setColors();

if (isLoginWindow) {
  document.body.classList.add("login-window");
  start(() => {});
} else {
  window.ui = SwaggerUIBundle({
    url: document.getElementById("swagger-ui").dataset.document,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    validatorUrl: null,
    plugins: [plugin],
    // Without "omit" a browser opens its own dialog at a wrong login (401 with a challenge of Basic), and the page
    // waits for it. What the page itself puts into Authorization is still sent.
    requestInterceptor: (request) => Object.assign(request, {credentials: "omit"}),
    responseInterceptor: onResponse,
    onComplete: () => start(showToken),
  });
}
