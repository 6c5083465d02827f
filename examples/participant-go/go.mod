module keyway.example/participant

go 1.21
