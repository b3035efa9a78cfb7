"""Code that both services run, and that may live here for one of two reasons only.

The admission rule: a module lives in `common` if the services would break when their copies differed
(the token, the keys, problem documents), or if it is plumbing without business meaning (settings,
health, logs, metrics, the database engine, cursors, the HTTP server). Nothing here knows a user or a book,
and nothing here imports a service.
"""
