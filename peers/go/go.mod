module tlsbye/peers/go

go 1.17
