"""Models as PMML documents, with rows: for the referee to judge."""
