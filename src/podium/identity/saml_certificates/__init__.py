"""Certificates that a SAML provider will be trusted by: a primary one and one that takes its place."""
