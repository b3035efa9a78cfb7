"""How a service is served: by gunicorn, or by Granian with SERVER=granian."""
