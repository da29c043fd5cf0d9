"""The control fold: models, routes and revisions, pure."""
