"""Our own model server in the `sglang_omni` dialect (docs/endpoints/serve.md)."""
