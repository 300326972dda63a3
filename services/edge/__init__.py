"""The front door: HTTP in OpenAI's shape outside, gRPC inside."""
