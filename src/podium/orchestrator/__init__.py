"""Bounded context 2: tenants, folders, packages, processes, jobs, robots. Speaks the Orchestrator Web API."""
