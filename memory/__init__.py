"""What the bot knows of people: notes with receipts, in SQL. An embeddable library; it knows no bot."""
