"""What stands behind the page: who may ask, the document's headers, what one person sees."""
