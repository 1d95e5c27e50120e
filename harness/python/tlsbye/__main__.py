from tlsbye.program import main

raise SystemExit(main())
