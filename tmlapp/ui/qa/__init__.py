"""The checklist beside the stage."""
