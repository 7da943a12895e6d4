-- Addresses that a package's manifest gives.

ALTER TABLE orchestrator.packages ADD COLUMN project_url text;
ALTER TABLE orchestrator.packages ADD COLUMN license_url text;
