"""The OpenAPI document: request schemas, examples and error examples."""
