"""Runs the feature-extractor: python -m rendezvous_feature_extractor."""

from rendezvous_runtime.shell import serve

from rendezvous_feature_extractor.app import create_app
from rendezvous_feature_extractor.settings import ExtractorSettings

if __name__ == "__main__":
    serve(create_app, ExtractorSettings)
