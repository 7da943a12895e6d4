"""Personal workspaces: the folder that is one user's own, with its feed and machine.

Answers the contract's tags PersonalWorkspaces and StudioWeb.
"""
