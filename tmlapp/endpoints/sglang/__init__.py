"""The `sglang_omni` dialect as a client speaks it (docs/endpoints/sglang-omni.md)."""
