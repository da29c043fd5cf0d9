"""Runs the feature-extractor: python -m rendezvous_feature_extractor."""

from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.shell import run

from rendezvous_feature_extractor.app import create_app
from rendezvous_feature_extractor.settings import ExtractorSettings

if __name__ == "__main__":
    run(create_app(read_settings(ExtractorSettings)))
