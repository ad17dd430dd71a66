"""Remote endpoints in the window: profiles, picker, what is granted, and the frames on the wire."""
