"""Attachments: files of jobs, large arguments among them. Tags Attachments and JobAttachments."""
