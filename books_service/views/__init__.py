"""The routes of the books service, a file a resource."""
