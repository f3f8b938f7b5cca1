import lorikeet.engine.*;
import lorikeet.kernels.*;
import lorikeet.model.*;
import lorikeet.model.data.*;
import lorikeet.model.text.*;
import lorikeet.peft.*;
