local N = 2000000
local function wrap(x) return x%1000003 end
local function odd(i) return 2*(i%8)+1 end
local function scale(x,i) return x*odd(i) end
local function blend(a,b) return a*b-b end
local function shift(x,i) return x+blend(i,7) end
local function step(x,i) return wrap(shift(scale(x,i),i)) end
local x = 1
for i=N,1,-1 do x = step(x,i) end
print(string.format("%d",x))
