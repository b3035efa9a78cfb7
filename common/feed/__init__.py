"""The feed of auth as another service follows it: events, revocations, and the follower."""
