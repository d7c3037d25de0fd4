"""How people say what they wish, and what the program answers: one file a language, and what reads them."""
