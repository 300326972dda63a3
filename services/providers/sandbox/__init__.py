"""An imitation of all 13 vendors over real HTTP, for newcomers, demos and tests."""
