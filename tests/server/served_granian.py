"""Serves `served_app` by Granian, as the services are."""

from importlib import import_module

from common.server.metrics_folder import share_metrics

if __name__ == "__main__":
    share_metrics()  # before anything that counts is imported
    import_module("common.server.granian_server").serve("tests.server.served_app")
