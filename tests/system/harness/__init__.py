"""What the whole-program tests are made of: processes, endpoints, a strict HTTP client.

Nothing here knows a fixed port or folder, and nothing waits for time: tests wait for conditions (waiting.wait_until).
"""
