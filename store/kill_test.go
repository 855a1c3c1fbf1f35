package store

const victimVariable = "TWINPATH_STORE_VICTIM"

func victim(string) {}
