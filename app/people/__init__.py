"""What people have a right to: notice and consent, their data in a document, and to be erased."""
