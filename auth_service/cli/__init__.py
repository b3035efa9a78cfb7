"""The commands of an operator: `flask --app auth_service ...`."""
