"""Google: the Gemini API."""

from services.providers.vendors.contract import Vendor

VENDOR = Vendor(
    id="google",
    name="Google",
    dialect="google_generate",
    # google-genai 3.4.0, _api_client.py (2026-11-23)
    base_url="https://generativelanguage.googleapis.com",
    key_env=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    base_url_env="GEMINI_BASE_URL",
    auth_header="x-goog-api-key",
    auth_prefix="",
    models_path="/v1beta/models?pageSize=1000",
    error_codes={
        # google.rpc.ErrorInfo reason of a bad key, with HTTP 400 (google-genai 3.4.0, errors.py)
        "api_key_invalid": "PROVIDER_AUTH",
    },
    error_words={
        # Quota of zero: no entitlement, waiting is useless
        # (aifreeapi.com, Gemini troubleshooting; 2026-11-23)
        "limit: 0,": "PROVIDER_QUOTA",
        "limit: 0\n": "PROVIDER_QUOTA",
        "limit: 0.": "PROVIDER_QUOTA",
        # Its schemas of tools are a part of JSON Schema
        # (github.com/theopenco/llmgateway/issues/1763, 2026-02)
        "function_declarations": "UNSUPPORTED_PARAMETER",
        "user location is not supported": "PROVIDER_AUTH",
        "enable billing": "PROVIDER_QUOTA",
        # HTTP 429 (github.com/JeffOtano/roni/pull/125, 2026-04)
        "credits are depleted": "PROVIDER_QUOTA",
        # HTTP 429, of a project or a billing account, until the month ends
        # (help.apiyi.com/en/ai-studio-monthly-spending-cap-429-solution-en.html, 2026-05)
        "spending cap": "PROVIDER_QUOTA",
        # A signature made on another route
        # (ai.google.dev/gemini-api/docs/thought-signatures, 2026-11-23)
        "thought_signature": "UNSUPPORTED_PARAMETER",
        "thought signature": "UNSUPPORTED_PARAMETER",
    },
)
