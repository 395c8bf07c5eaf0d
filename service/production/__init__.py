"""What is known of a production beside its rows: custom fields, and all of it as a spreadsheet."""
