"""Storage buckets: files by path, kept here or in a storage that speaks S3."""
