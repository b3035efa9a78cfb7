"""The feed of auth as books follows it: events, revocations, and the follower."""
