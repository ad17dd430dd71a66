"""Prints the error codes that vLLM-Omni's wire knows, as one JSON object from code to type."""

import json

import vllm_stub

vllm_stub.stub()

from vllm_omni.protocol.duplex import errors  # noqa: E402 - after the stub

print(json.dumps({str(code): str(kind) for code, kind in errors.REALTIME_ERROR_TYPES_BY_CODE.items()}))
