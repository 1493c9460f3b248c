"""HTTP: access control, routes, streaming, and the OpenAPI document."""
