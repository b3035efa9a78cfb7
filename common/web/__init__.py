"""HTTP: routes, what they read and answer, problems, and the OpenAPI document."""
