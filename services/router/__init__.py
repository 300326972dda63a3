"""The brain: decides which model handles a request. Pure computing, no provider calls."""
