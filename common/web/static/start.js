// Without "omit" a browser opens its own dialog at a wrong login (401 with a challenge of Basic), and the page
// waits for it. What the page itself puts into Authorization is still sent.
window.ui = SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.document,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: null,
  requestInterceptor: (request) => Object.assign(request, {credentials: "omit"}),
});
