"""The routes of the auth service, a file a resource."""
